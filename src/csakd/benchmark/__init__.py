"""Protocol and scenes → CSV rows → tables and figures."""
