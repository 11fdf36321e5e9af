"""The short ways through recording that a program takes nearly always."""
