-- Which of the names somebody may have meant by a word.

local LONGEST = 64 -- a longer word is no slip of the finger, and would cost time

-- How many letters may differ: none in short words, since any other is near to those.
local function tolerance(word)
  return math.min(#word // 4 + 1, (#word - 1) // 2, 3)
end

-- The number of letters to insert, remove, replace or swap with their neighbour that turn one word into the other.
local function distance(a, b)
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The name of the list that is nearest to the word, or nil when none is near. Of equals, the first of the alphabet.
return function(word, list)
  if #word > LONGEST then return nil end
  local best, best_distance = nil, tolerance(word)
  for _, name in ipairs(list) do
    if math.abs(#name - #word) <= best_distance then
      local d = distance(word, name)
      if d < best_distance or d == best_distance and (not best or name < best) then best, best_distance = name, d end
    end
  end
  return best
end
