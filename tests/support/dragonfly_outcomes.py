"""What Dragonfly v1.40.0 did with words of its command line and with variables, when it was run.

Written down from runs of the program and not from the product's rules, so that a test which
compares the two can fail. Each word stands beside `--proactor_threads=2 --maxmemory=512mb`.
"""

STARTS = (
    "--cache_mode=yes",
    "--cluster_mode=emulated",
    "--dbfilename=dump",
    "--dir=/no/such",
    "--experimental_io_loop_v2=true",  # retired: a line in the log
    "--list_compress_level=1",
    "--maxclients=0",
    "--memcached_port=70000",
    "--notify_keyspace_events=Ex",
    "--port=6380",
    "--primary_port_http_enabled=false",
    "--snapshot_cron=30 * * * *",
    "--tryfromenv=hz",
)
EXITS = (
    "--admin_port=-1",
    "--appendonly=yes",
    "--cache_mode=on",
    "--cluster_mode=true",
    "--dbfilename=a/b",
    "--dbfilename=dump.rdb",
    "--dbnum=2000",
    "--helpfull",
    "--list_experimental_zstd_dict_threshold=100",
    "--memcached_port=-1",
    "--notify_keyspace_events=zzz",
    "--pipeline_queue_limit=0",
    "--port=0",
    "--proactor_affinity_mode=bad",
    "--save_schedule=*:30",
    "--snapshot_cron=every 5",
)

# The last of each decides: sizes and threads alone on the command line.
SIZES_THAT_START = ("+512mb", "0x20000000", "1E", "512.mb", "512mib", "536870912BB", "0.5GiB")
SIZES_THAT_EXIT = ("4GIB", "512mIB", "512 mb", "1,5g", "9E", "inf", "-1", "", "536870911")
THREADS_THAT_START = ("+2", "0x2", " 2", "0")
THREADS_THAT_EXIT = ("65", "two", "-1")

VARIABLES_THAT_START = (
    ("DFLY_DEV_ENV", "1"),
    ("DFLY_requirepass", "x"),
    ("DFLY_flagfile", "/no/such"),
    ("DFLY_maxmemory", "1"),  # the command line wins
    ("dfly_port", "1"),
)
VARIABLES_THAT_EXIT = (
    ("DFLY_MAXMEMORY", "1g"),
    ("DFLY_PASSWORD", "x"),
    ("DFLY_help", "true"),
    ("DFLY_port", "abc"),
)
