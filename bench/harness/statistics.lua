local statistics = {}

--- The list in ascending order.
function statistics.sorted(list)
  local copy = table.move(list, 1, #list, 1, {})
  table.sort(copy)
  return copy
end

function statistics.median(list)
  local ordered = statistics.sorted(list)
  local middle = (#ordered + 1) // 2
  if #ordered % 2 == 1 then return ordered[middle] end
  return (ordered[middle] + ordered[middle + 1]) / 2
end

--- The median of what the elements of two lists are to each other, pair by pair: a disturbance that lasted for a round
-- has hit both.
function statistics.median_ratio(list, other)
  local ratios = {}
  for i = 1, #list do ratios[i] = list[i] / other[i] end
  return statistics.median(ratios)
end

return statistics
