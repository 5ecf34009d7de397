-- How many sagas are in which state.
local answer = {}
local names = definitions()
for _, state in ipairs(STATES) do
    local count = 0
    for _, name in ipairs(names) do count = count + redis.call('ZCARD', P .. 'state:' .. state .. ':' .. name) end
    answer[#answer + 1] = state
    answer[#answer + 1] = count
end
return answer
