namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>An address that a member runs at, and the network namespace that has it, if it is not the machine's own.</summary>
public sealed record Host(string Address, string? NetworkNamespace)
{
    private static int s_last = Environment.ProcessId;

    public string PeerUrl => $"http://{Address}:2380";

    public string ClientUrl => $"http://{Address}:2379";

    /// <summary>A loopback address that no other test has, so that the standard ports are free there.</summary>
    public static Host Loopback()
    {
        while (true)
        {
            int number = Interlocked.Increment(ref s_last) & 0xffff;
            int last = number % 253;
            var host = new Host($"127.{100 + (Environment.ProcessId % 100)}.{number / 253 % 255}.{1 + last}", null);
            if (IsFree(host.Address, 2379) && IsFree(host.Address, 2380))
            {
                return host;
            }
        }
    }

    public static Host[] Loopbacks(int count) => [.. Enumerable.Range(0, count).Select(_ => Loopback())];

    private static bool IsFree(string address, int port)
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Parse(address), port);
        try
        {
            listener.Start();
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }
}
