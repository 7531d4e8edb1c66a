"""Nanoseconds that os-ken takes to decode a message, given as hex: the best of several rounds."""
import sys
import time

from os_ken.ofproto import ofproto_parser, ofproto_v1_3, ofproto_v1_3_parser


class Datapath:
    ofproto = ofproto_v1_3
    ofproto_parser = ofproto_v1_3_parser


data = bytes.fromhex(sys.argv[1])
version, kind, length, xid = ofproto_parser.header(data)
best = None
for _ in range(30):
    start = time.perf_counter_ns()
    for _ in range(300):
        ofproto_parser.msg(Datapath, version, kind, length, xid, data)
    took = (time.perf_counter_ns() - start) / 300
    best = took if best is None else min(best, took)
print(int(best))
