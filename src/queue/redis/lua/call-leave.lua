#!lua flags=allow-oom
-- A worker goes: what it still holds is handed back, and no try counts.
forgetWorker(ARGV[1], "nothing", tonumber(ARGV[2]), tonumber(ARGV[3]))
