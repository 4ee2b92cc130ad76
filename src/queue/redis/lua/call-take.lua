#!lua flags=allow-oom
-- A worker's token came up: the image to make in that lane, if there is one.
local queue, worker, lane = ARGV[1], ARGV[2], ARGV[3]
return fillLane(queue, worker, lane)
