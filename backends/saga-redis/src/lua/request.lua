-- Records a request for a saga that has not ended; returns its number, and the saga's owner.
local head = head_of(arg())
if not head or ENDED[head.state] then return false end
head.asked = '1'
check(head)
local number = redis.call('HINCRBY', P .. 'head:' .. head.id, 'asked', 1)
redis.call('HSET', P .. 'requests:' .. head.id, number, arg())
file(head, head)
save()
return { number, head.owner }
