#!lua flags=no-writes
return viewJob(ARGV[1])
