"""The machinery of the workbook: runs, sweeps, ledgers, figures; it knows no physics."""
