"""A local stand-in for MisarMail's dedicated-IP API: state, faults, handler and server."""
