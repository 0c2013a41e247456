"""Questions to DNS, and what their answers say of an IP."""
