"""What can be seen from outside: counted in each process, merged over all of them, served to Prometheus."""
