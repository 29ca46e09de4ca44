"""Drawing explanations: colours, panels, and the sheet that holds them."""
