-- The place of the last entry of the log; 0 where there is none.
local last = redis.call('XREVRANGE', P .. 'log', '+', '-', 'COUNT', 1)[1]
if not last then return '0' end
return text(tonumber(string.match(last[1], '^(%d+)')) + tonumber(last[2][6]) - 1)
