"""What several test files share. A name of it is defined in no test file again.

| module | what is in it |
|---|---|
| `optional` | which libraries are installed, and skips where they are not: nobody else asks |
| `backends` | lists of the backends |
| `arrays` | arrays of any backend, and NumPy's made from them; leaves |
| `operations` `functions` | custom operations, and functions that several files differentiate |
| `derivatives` | checks against central differences |
| `samples` | what every rule of the rule book is called with |
| `linalg_rows` `fft_rows` | the same for `linalg` and `fft` |
| `examples` | the scripts in `examples/`, as modules |
| `imports` | who imports whom in a package |
"""
