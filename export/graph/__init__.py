"""Writing TFLite graphs: the writer, its ops, and the parts of a detector made of them."""
