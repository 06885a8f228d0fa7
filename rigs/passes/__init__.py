"""Contacts as people read them: a table, a line of blocks per station, a picture.

Public names, by module: ``command`` passes_command_body · ``plan`` ContactPlan ·
``table`` show · ``chart`` plot_svg.
"""
