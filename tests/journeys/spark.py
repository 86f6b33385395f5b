"""A local Spark as an Ibis connection, or a skip that says what is missing."""

import importlib.util
import os
import shutil

import pytest

# PySpark 4 says of every conversion that it does not know pandas 3; JVM sockets close late.
SPARK_WARNINGS = (
    "ignore:PySpark does not yet fully support pandas:FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::DeprecationWarning",
)


def connect():
    """Return an Ibis connection to a Spark in this process, in UTC."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("PySpark is missing (pip install 'mmm-research[spark]')")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("Java is missing, which Spark runs on")
    import ibis
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .appName("journeys")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        # Compiling each query costs more than running it on so few rows.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    return ibis.pyspark.connect(session)
