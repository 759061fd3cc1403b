// Draws the four widgets of the explorer. What a click means is decided in Python.

const SVG = "http://www.w3.org/2000/svg";

function make(parent, name, attributes = {}, text = "") {
  const svg = ["svg", "path", "line", "text", "circle"].includes(name);
  const node = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  parent.appendChild(node);
  return node;
}

// Draw now, and once after each group of changes.
function whenever(model, names, draw) {
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      draw();
    });
  };
  for (const name of names) model.on(`change:${name}`, later);
  draw();
}

// The arrow keys move the focus among items, of which one at a time is a tab stop.
function arrows(holder, items, columns) {
  holder.addEventListener("focusin", (event) => {
    for (const item of items()) item.tabIndex = item === event.target ? 0 : -1;
  });
  holder.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() };
    const all = items(), now = all.indexOf(document.activeElement), next = now + steps[event.key];
    if (now < 0 || !(event.key in steps)) return;
    event.preventDefault();
    all[next]?.focus();
  });
}

function board(model, el) {
  const grid = make(el, "div", { class: "crossmem-board", role: "grid" });
  const { blue, vermilion, purple } = model.get("colors");
  const look = [null, [vermilion, "0"], [purple, "1"]];
  const columns = model.get("columns"), count = model.get("shades").length, cells = [];
  let painted = null;

  const change = (cell) => model.send({ cell, value: painted });
  const value = (cell) => (model.get("shades")[cell] > 0.5 ? -1 : 1);
  for (let cell = 0; cell < count; cell++) {
    if (cell % columns === 0) make(grid, "div", { role: "row" });
    const size = model.get("size"), style = `width:${size}px;height:${size}px`;
    const button = make(grid.lastChild, "button", { role: "gridcell", style, type: "button" });
    button.tabIndex = cell ? -1 : 0;
    button.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      button.releasePointerCapture(event.pointerId);
      painted = value(cell);
      change(cell);
    });
    button.addEventListener("pointerenter", (event) => {
      if (model.get("paint") && painted !== null && event.buttons & 1) change(cell);
    });
    button.addEventListener("click", (event) => {
      if (event.detail) return; // a pointer, which pointerdown has answered
      painted = value(cell);
      change(cell);
      painted = null;
    });
    cells.push(button);
  }
  const stop = () => (painted = null);
  window.addEventListener("pointerup", stop);
  arrows(grid, () => cells, () => columns);
  whenever(model, ["shades", "marks", "names", "label"], () => {
    grid.setAttribute("aria-label", model.get("label"));
    const shades = model.get("shades"), marks = model.get("marks"), names = model.get("names");
    const full = model.get("paint") ? "#000000" : blue;
    cells.forEach((button, cell) => {
      const [color, text] = look[marks[cell] || 0] || [null, ""];
      const share = Math.round(100 * shades[cell]);
      button.style.background = color || `color-mix(in srgb, ${full} ${share}%, white)`;
      button.textContent = text;
      button.setAttribute("aria-label", names[cell]);
      button.title = names[cell];
    });
  });
  return () => window.removeEventListener("pointerup", stop);
}

function gallery(model, el) {
  const holder = make(el, "div", { class: "crossmem-gallery", role: "group" });
  arrows(holder, () => [...holder.children], () => 1);
  const { blue, vermilion } = model.get("colors");
  let timer = 0;

  function play() {
    clearInterval(timer);
    let index = 0;
    const next = () => {
      model.send({ index });
      if (++index >= model.get("images").length) clearInterval(timer);
    };
    timer = setInterval(next, model.get("pause"));
  }
  if (model.get("pause")) {
    const button = make(el, "button", { type: "button", class: "jupyter-button" }, "Play");
    button.addEventListener("click", play);
  }

  function add(index) {
    const button = make(holder, "button", { type: "button" });
    make(button, "canvas", { "aria-hidden": "true" });
    make(button, "span");
    button.addEventListener("click", () => model.send({ index }));
    button.tabIndex = index ? -1 : 0;
  }

  whenever(model, ["images", "captions", "failed", "selected", "label"], () => {
    const images = model.get("images"), columns = model.get("columns"), scale = model.get("scale");
    const failed = model.get("failed"), captions = model.get("captions");
    holder.setAttribute("aria-label", model.get("label"));
    while (holder.children.length > images.length) holder.lastChild.remove();
    while (holder.children.length < images.length) add(holder.children.length);
    if (![...holder.children].some((button) => button.tabIndex === 0) && holder.firstChild) {
      holder.firstChild.tabIndex = 0;
    }
    [...holder.children].forEach((button, index) => {
      const [canvas, caption] = button.children, pixels = images[index];
      canvas.width = columns * scale;
      canvas.height = (pixels.length / columns) * scale;
      const pen = canvas.getContext("2d");
      [...pixels].forEach((pixel, place) => {
        pen.fillStyle = pixel === "1" ? "#000" : "#fff";
        pen.fillRect((place % columns) * scale, Math.floor(place / columns) * scale, scale, scale);
      });
      const chosen = index === model.get("selected");
      caption.textContent = captions[index] || "";
      button.style.borderColor = chosen ? blue : failed[index] ? vermilion : "#767676";
      button.style.background = chosen ? "#d7ecfa" : "#fff";
      button.setAttribute("aria-pressed", chosen);
    });
  });
  return () => clearInterval(timer);
}

function map(model, el) {
  const holder = make(el, "div", { class: "crossmem-map" });
  const canvas = make(holder, "canvas", { tabindex: 0, role: "application" });
  const { blue, orange, purple } = model.get("colors");
  const rgb = (color) => [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
  const ends = [rgb(orange), rgb(blue)];
  const neurons = model.get("neurons"), span = model.get("span"), scale = Math.ceil(300 / neurons);
  canvas.width = canvas.height = neurons * scale;

  function move(row, column) {
    const fit = (place) => Math.max(0, Math.min(neurons - span, place));
    model.set("window", [fit(row), fit(column)]);
    model.save_changes();
  }
  canvas.addEventListener("pointerdown", (event) => {
    const place = [event.offsetY, event.offsetX].map((pixel) => Math.floor(pixel / scale / span));
    move(place[0] * span, place[1] * span);
  });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const [row, column] = model.get("window"), [down, right] = steps[event.key];
    move(row + down * span, column + right * span);
  });

  const bytes = (name, kind) => {
    const view = model.get(name);
    return new kind(view.buffer, view.byteOffset, view.byteLength);
  };
  whenever(model, ["weights", "stuck", "window", "label"], () => {
    canvas.setAttribute("aria-label", model.get("label"));
    const weights = bytes("weights", Int8Array), stuck = bytes("stuck", Uint8Array);
    const pen = canvas.getContext("2d"), image = pen.createImageData(neurons, neurons);
    weights.forEach((weight, place) => {
      const share = Math.min(1, Math.abs(weight) / 100), end = ends[weight > 0 ? 1 : 0];
      for (let k = 0; k < 3; k++) {
        const plain = 255 + share * (end[k] - 255);
        image.data[4 * place + k] = stuck[place] ? 0 : plain;
      }
      image.data[4 * place + 3] = 255;
    });
    const small = new OffscreenCanvas(neurons, neurons);
    small.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    const [row, column] = model.get("window");
    for (const [width, color] of [[6, "#fff"], [3, purple]]) {
      pen.lineWidth = width;
      pen.strokeStyle = color;
      pen.strokeRect(column * scale, row * scale, span * scale, span * scale);
    }
  });
}

function panel(svg, left, title, values, ticks, room = 0) {
  const width = 220, height = 130, top = 24, count = Math.max(1, values[0].line.length - 1);
  const x = (step) => left + (width * step) / count;
  const low = Math.min(...ticks) - room, high = Math.max(...ticks) + room;
  const y = (value) => top + (height * (high - value)) / (high - low);
  const axis = { stroke: "#222", "stroke-width": 1 };
  make(svg, "text", { x: left, y: 14 }, title);
  make(svg, "line", { x1: left, x2: left, y1: top, y2: top + height, ...axis });
  make(svg, "line", { x1: left, x2: left + width, y1: top + height, y2: top + height, ...axis });
  for (const value of ticks) {
    const places = Math.max(Math.abs(high), Math.abs(low)) < 10 ? 1 : 0;
    const text = value.toFixed(places).replace("-", "\u2212");
    make(svg, "text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, text);
  }
  for (let step = 0; step <= count; step++) {
    make(svg, "text", { x: x(step), y: top + height + 16, "text-anchor": "middle" }, `${step}`);
  }
  make(svg, "text", { x: left + width / 2, y: top + height + 32, "text-anchor": "middle" }, "update");
  for (const { line, color, thick } of values) {
    const path = line.map((value, step) => `${step ? "L" : "M"}${x(step)},${y(value)}`).join("");
    make(svg, "path", { d: path, fill: "none", stroke: color, "stroke-width": thick });
    if (thick < 2) continue;
    line.forEach((v, step) => make(svg, "circle", { cx: x(step), cy: y(v), r: 3, fill: color }));
  }
  return x;
}

function curves(model, el) {
  const holder = make(el, "div", { class: "crossmem-curves" });
  const { blue } = model.get("colors");
  const names = ["energies", "overlaps", "names", "nearest", "step", "label"];
  whenever(model, names, () => {
    holder.replaceChildren();
    const energies = model.get("energies"), overlaps = model.get("overlaps");
    if (!energies.length || !overlaps.length) return;
    const svg = make(holder, "svg", { viewBox: "0 0 720 190", role: "img" });
    svg.setAttribute("aria-label", model.get("label"));
    const nearest = model.get("nearest"), low = Math.min(...energies), high = Math.max(...energies);
    const ends = high - low > 0.05 * Math.abs(high) ? [low, high] : [low];
    const room = 0.1 * (high - low) || 1;
    const line = [{ line: energies, color: "#000", thick: 2 }];
    const left = panel(svg, 55, "energy", line, ends, room);
    const all = overlaps.map((line) => ({ line, color: "#999", thick: 1 }));
    if (overlaps[nearest]) all.push({ line: overlaps[nearest], color: blue, thick: 2 });
    const title = `overlap with each stored pattern (blue: the nearest, ${model.get("names")[nearest]})`;
    const right = panel(svg, 365, title, all, [-1, 0, 1]);
    for (const x of [left, right]) {
      const at = x(Math.min(model.get("step"), energies.length - 1));
      make(svg, "line", { x1: at, x2: at, y1: 24, y2: 154, stroke: "#666", "stroke-dasharray": "3 3" });
    }
  });
}

const KINDS = { board, gallery, map, curves };

export default {
  render({ model, el }) {
    return KINDS[model.get("kind")](model, el);
  },
};
