"""A page that explains photographs in the browser, as a folder that any server can host."""
