-- The requests of `cargo xtask load`, in turn, and the result as one line of JSON. The first argument names a file with a line for each
-- request: method, path, and the file with its body or `-`.
local prepared = {}
local at = 0

function init(args)
  for line in io.lines(args[1]) do
    local method, path, file = line:match("^(%S+) (%S+) (.+)$")
    -- About what a browser or a service sends.
    local headers = {
      ["user-agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
      ["accept"] = "application/json, text/plain, */*",
      ["accept-language"] = "en-US,en;q=0.5",
      ["accept-encoding"] = "gzip, deflate, br",
      ["referer"] = "https://shop.example.com/items",
      ["x-request-id"] = "0e5a1c52-4b7f-4b0c-9d7a-2f6a0f3a7b11",
      ["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    local body = nil
    if file ~= "-" then
      local handle = assert(io.open(file, "rb"))
      body = handle:read("*a")
      handle:close()
      headers["content-type"] = "text/plain"
    end
    prepared[#prepared + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  at = at % #prepared + 1
  return prepared[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
