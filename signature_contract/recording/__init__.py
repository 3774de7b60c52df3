"""Golden requests and answers of any model: what it is asked, and what it said."""
