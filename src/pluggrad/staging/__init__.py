"""Tracing: writing down what a function computes, and compiling it into a program."""
