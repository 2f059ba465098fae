from setuptools import Extension, setup

import illshell._fastmatch

setup(
    ext_modules=[
        Extension("consumer", ["consumer.pyx"], include_dirs=[illshell._fastmatch.get_include()])
    ]
)
