"""The sky over a mission as people and pandas read it: numbers, lines of blocks, a picture, files.

Public names, by module: ``command`` environment_command_body · ``figures`` Almanac,
almanac · ``show`` show · ``chart`` picture_svg · ``files`` write.
"""
