namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>
/// A network of the test's own: one network namespace that stands for the switch, and one for each host, with the address asked for.
/// Needs root; all of it is gone when the test ends.
/// </summary>
public sealed class NamespaceNetwork : IAsyncDisposable
{
    private static int s_count;

    private readonly string _name = $"q{Environment.ProcessId}x{Interlocked.Increment(ref s_count)}";
    private readonly List<string> _namespaces = [];

    /// <summary>The namespace that command lines run in: it reaches every host.</summary>
    public string Switch => $"{_name}s";

    public static bool IsPossible => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && File.Exists("/usr/sbin/ip")
        && Directory.Exists("/proc/self/ns");

    public static async Task<NamespaceNetwork> CreateAsync()
    {
        var network = new NamespaceNetwork();
        await network.AddNamespaceAsync(network.Switch);
        await IpAsync("-n", network.Switch, "link", "add", "br0", "type", "bridge");
        await IpAsync("-n", network.Switch, "addr", "add", "192.168.10.1/24", "dev", "br0");
        await IpAsync("-n", network.Switch, "link", "set", "br0", "up");
        return network;
    }

    public async Task<Host> AddHostAsync(string address)
    {
        string name = $"{_name}h{_namespaces.Count}";
        string port = $"p{_namespaces.Count}";
        await AddNamespaceAsync(name);
        await IpAsync("-n", Switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name);
        await IpAsync("-n", Switch, "link", "set", port, "master", "br0", "up");
        await IpAsync("-n", name, "addr", "add", $"{address}/24", "dev", "eth0");
        await IpAsync("-n", name, "link", "set", "eth0", "up");
        return new Host(address, name);
    }

    /// <summary>Takes a host's cable out, or puts it back.</summary>
    public Task SetLinkAsync(Host host, bool up) =>
        IpAsync("-n", host.NetworkNamespace!, "link", "set", "eth0", up ? "up" : "down");

    public async ValueTask DisposeAsync()
    {
        foreach (string name in Enumerable.Reverse(_namespaces))
        {
            await Command.RunAsync("ip", ["netns", "delete", name]);
        }
    }

    private async Task AddNamespaceAsync(string name)
    {
        await IpAsync("netns", "add", name);
        _namespaces.Add(name);
        await IpAsync("-n", name, "link", "set", "lo", "up");
    }

    private static Task IpAsync(params string[] arguments) => Command.OutputAsync("ip", arguments);
}
