#!/usr/bin/python3
# time-limit: 600
# The gateway without its fast path: every scenario of ../gateway once more.
import os
import runpy

os.environ["GW_TEST_FAST_PATH"] = "no"
runpy.run_path(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "gateway", "test.py"), run_name="__main__")
