"""Everything that speaks to hardware, and its vocabulary."""
