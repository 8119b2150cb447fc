"""What is fitted on a file's own outputs of normal windows: heads, attribution, limit, and the choice among them."""
