-- The running leases: pairs of a worker and until when its lease runs.
local answer = {}
local leases = redis.call('HGETALL', P .. 'leases')
for index = 1, #leases, 2 do
    if tonumber(leases[index + 1]) > server then
        answer[#answer + 1] = leases[index]
        answer[#answer + 1] = leases[index + 1]
    end
end
return answer
