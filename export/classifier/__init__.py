"""An image classifier: a frozen pretrained base and a new head, trained in two phases."""
