namespace Quorate.Server.Hosting;

/// <summary>Switches for single features (spec 06 §5).</summary>
public sealed class FeatureGates
{
    private static readonly Dictionary<string, (bool Default, bool IsBeta)> s_known = new()
    {
        ["CompactHashCheck"] = (false, false),
        ["FastLeaseKeepAlive"] = (true, true),
        ["InitialCorruptCheck"] = (false, false),
        ["LeaseCheckpoint"] = (false, false),
        ["LeaseCheckpointPersist"] = (false, false),
        ["PriorityRequest"] = (false, false),
        ["SetMemberLocalAddr"] = (false, false),
        ["StopGRPCServiceOnDefrag"] = (false, false),
        ["TxnModeWriteWithSharedBuffer"] = (true, true),
    };

    private readonly SortedDictionary<string, bool> _set = new(StringComparer.Ordinal);

    public FeatureGates(string text)
    {
        foreach (string item in text.Split(',').Select(item => item.Trim()).Where(item => item.Length > 0))
        {
            string[] parts = item.Split('=', 2);
            FlagDefinition.TryBoolean(parts[^1].Trim(), out bool value);
            _set[parts[0].Trim()] = value;
        }

        foreach ((string name, (_, bool isBeta)) in s_known)
        {
            if (!_set.ContainsKey(name) && _set.TryGetValue(isBeta ? "AllBeta" : "AllAlpha", out bool all))
            {
                _set[name] = all;
            }
        }
    }

    /// <summary>All gates with their state, those for all of a stage among them.</summary>
    public IEnumerable<(string Name, bool IsBeta, bool IsEnabled)> All =>
    [
        ("AllAlpha", false, _set.GetValueOrDefault("AllAlpha")),
        ("AllBeta", true, _set.GetValueOrDefault("AllBeta")),
        .. s_known.Select(known => (known.Key, known.Value.IsBeta, IsEnabled(known.Key))),
    ];

    public bool IsEnabled(string name) => _set.TryGetValue(name, out bool value) ? value : s_known[name].Default;

    public override string ToString() => string.Join(',', _set.Select(pair => $"{pair.Key}={(pair.Value ? "true" : "false")}"));

    internal static string? Fault(string text)
    {
        foreach (string item in text.Split(',').Select(item => item.Trim()).Where(item => item.Length > 0))
        {
            string[] parts = item.Split('=', 2);
            string name = parts[0].Trim();
            if (parts.Length < 2)
            {
                return $"missing bool value for {name}";
            }

            if (name is not ("AllAlpha" or "AllBeta") && !s_known.ContainsKey(name))
            {
                return $"unrecognized feature gate: {name}";
            }

            if (!FlagDefinition.TryBoolean(parts[1].Trim(), out _))
            {
                return $"invalid value of {name}={parts[1].Trim()}, err: strconv.ParseBool: parsing \"{parts[1].Trim()}\": invalid syntax";
            }
        }

        return null;
    }
}
