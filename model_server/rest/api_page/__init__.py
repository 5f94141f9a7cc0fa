"""The page at `/docs`: the OpenAPI document as HTML, with a form that sends each request, and nothing from outside."""
