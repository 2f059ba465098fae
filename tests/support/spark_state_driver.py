"""spark_driver.py with a signature that keeps state."""

import spark_driver
from exec_count import ExecCount

if __name__ == "__main__":
    spark_driver.main(signatures=[ExecCount])
