using System.Diagnostics;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>The environment that programs under test get: the caller's, without etcd's own variables.</summary>
public static class ProcessEnvironment
{
    public static void Clean(ProcessStartInfo start, IReadOnlyDictionary<string, string>? additions)
    {
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("ETCD", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(name);
        }

        // etcdctl 3.4 would speak the second version of the API by itself on some systems.
        start.Environment["ETCDCTL_API"] = "3";
        foreach ((string name, string value) in additions ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
    }
}
