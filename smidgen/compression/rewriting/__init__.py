"""One spelling for what people and torch.export write in many: the float graph is rewritten once, after capture."""
