"""What a contract says of image models: which signatures take images, how answers are read."""
