"""PostgreSQL: the embedded server, pool, migrations, named statements. The only package that imports psycopg."""
