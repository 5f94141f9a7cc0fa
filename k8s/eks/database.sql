-- The programs' user and databases, as the administrator that RDS made, who is no superuser. Safe to run again.
-- psql variables: user, password.
SELECT format('CREATE ROLE %I LOGIN', :'user')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
ALTER ROLE :"user" WITH LOGIN PASSWORD :'password';

-- Who gives a database to another role has to be a member of it.
GRANT :"user" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', name, :'user')
FROM unnest(ARRAY['sentiment', 'mlflow']) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

REVOKE ALL ON DATABASE sentiment FROM PUBLIC;
REVOKE ALL ON DATABASE mlflow FROM PUBLIC;
