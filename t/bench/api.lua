-- wrk: an emit to a room of 10 with each request

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"emit":"news","args":["' .. string.rep("x", 64)
           .. '"],"to":"room"}'
