#!lua flags=allow-oom
-- Ends a job as cancelled unless it has ended; returns it as it stands then.
local job = loadJob(ARGV[1])
if not job then return false end
if not isFinal(job) then endJob(job, "cancelled", ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])) end
return viewJob(ARGV[1])
