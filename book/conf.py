"""How Sphinx builds the book from the sources that ``build.py`` puts together."""

import os

#: Address of the repository, for launch links; without one there are none.
REPOSITORY = os.environ.get("CROSSMEM_REPOSITORY", "")

project = "crossmem"
author = "crossmem contributors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx-mathjax-offline"]
html_theme = "sphinx_book_theme"
html_title = "crossmem"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_context = {"default_mode": "auto"}
html_theme_options = {"home_page_in_toc": True, "show_navbar_depth": 1, "navbar_persistent": []}
if REPOSITORY:
    html_theme_options |= {
        "repository_url": REPOSITORY,
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        },
    }
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_default_options = {
    # What scikit-learn adds to each estimator; its texts refer to pages of scikit-learn.
    "exclude-members": "set_fit_request,set_predict_request,set_score_request",
}
suppress_warnings = ["ref.python"]  # words such as `shape` in docstrings name no single object
