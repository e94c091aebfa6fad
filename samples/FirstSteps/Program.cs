using Quorate.Client;
using Quorate.Server.Hosting;
using Quorate.Server.Logging;

// Starts a server of one member in this process, does something with it, and keeps it until Ctrl+C.
string directory = Path.Combine(Path.GetTempPath(), $"quorate-first-steps-{Environment.ProcessId}");
var options = new EtcdOptions(new Dictionary<string, string> { ["name"] = "first", ["data-dir"] = directory });
using var log = new EtcdLog(LogLevel.Error, ["stderr"], isConsole: true, TimeProvider.System);
await using EtcdServer server = await EtcdServer.StartAsync(options, log);
await using var client = new EtcdClient("http://127.0.0.1:2379");

Console.WriteLine("A server answers on 127.0.0.1:2379.");
Console.WriteLine($"put greeting hello      -> revision {await client.PutAsync("greeting", "hello")}");
Console.WriteLine($"get greeting            -> {(await client.GetAsync("greeting"))?.ValueText}");
foreach (MemberInfo member in await client.ListMembersAsync())
{
    Console.WriteLine($"member list             -> {member.Id:x} {member.Name} {string.Join(',', member.PeerUrls)} {string.Join(',', member.ClientUrls)}");
}

if (args.Contains("--once"))
{
    return;
}

Console.WriteLine("Press Ctrl+C to end it.");
var ended = new TaskCompletionSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    ended.TrySetResult();
};
await ended.Task;
