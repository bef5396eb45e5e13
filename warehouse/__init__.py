"""The lake and what is made in it: landing, standard, quality, shared, editions. The only code that opens DuckLake or Great Expectations."""
