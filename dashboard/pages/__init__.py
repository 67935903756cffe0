"""One module a page: `layout` builds it from the URL's query, callbacks follow."""
