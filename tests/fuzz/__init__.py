"""A fuzzer: random programs on Variables, held against torch.autograd and finite differences.

| module | what it knows |
|---|---|
| `programs` | a program as plain data, and as Python source over pluggrad |
| `generator` | draws programs that are valid |
| `oracle` | runs a program on torch tensors that are never written: all views are maps of positions |
| `native` | runs a program on torch tensors with torch's own views and writes |
| `check` | runs a program with pluggrad, in every mode, and compares |
| `shrink` | makes a program that fails smaller |
| `run` | the command |
"""
