"""Everything fitted on a file's own outputs for normal windows: heads, attribution, limit, and the choice of a head."""
