#!/usr/bin/python3
# time-limit: 600
# long-only
# The gateway without its fast path: every scenario of ../gateway once more. What both ways make of the same packets is compared in
# ../gateway-fast.
import os
import runpy

os.environ["GW_TEST_FAST_PATH"] = "no"
runpy.run_path(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "gateway", "test.py"), run_name="__main__")
