"""What runs beside Ray on the head of a cluster: PostgreSQL, an MLflow server on it, and what looks after the two.

* `sweep services start` makes the databases, or brings back the newest good backup of an earlier head, and starts all of it.
* PostgreSQL is reached by a socket in a folder of its owner's, MLflow on the loopback: nothing is open to the network.
* A launch on this machine uses both without being told (`using`), and what the user's environment says wins.
* Records stay the source: both databases are mirrors, and their backups save making them again.
"""
