"""Other libraries' interfaces over pluggrad's engine: `pluggrad.compat.autograd`."""
