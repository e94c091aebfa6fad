namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>A command line client, ours or Go's, aimed at some endpoints.</summary>
/// <param name="Program">The path of etcdctl.</param>
/// <param name="Endpoints">Client URLs, separated by commas.</param>
/// <param name="NetworkNamespace">Where it runs.</param>
public sealed record Ctl(string Program, string Endpoints, string? NetworkNamespace = null)
{
    public static Ctl To(params ClusterMember[] members) => new(Programs.Etcdctl, EndpointsOf(members));

    public static string EndpointsOf(IEnumerable<ClusterMember> members) =>
        string.Join(',', members.Select(member => member.Host.ClientUrl));

    public Task<Command> TryAsync(params string[] arguments) => TryWithInputAsync("", arguments);

    public Task<Command> TryWithInputAsync(string input, params string[] arguments)
    {
        string[] words = [$"--endpoints={Endpoints}", .. arguments];
        return NetworkNamespace is null
            ? Command.RunAsync(Program, words, input)
            : Command.RunAsync("ip", ["netns", "exec", NetworkNamespace, Program, .. words], input);
    }

    /// <summary>Runs a command that must succeed; gives its standard output.</summary>
    public async Task<string> RunAsync(params string[] arguments)
    {
        Command command = await TryAsync(arguments);
        Assert.True(command.ExitCode == 0,
            $"{Program} {string.Join(' ', arguments)} ended with {command.ExitCode}:\n{command.Output}{command.Error}");
        return command.Output;
    }

    /// <summary>Runs a command again and again until it succeeds with an output that fits.</summary>
    public async Task<string> UntilAsync(Func<string, bool> fits, params string[] arguments)
    {
        Command last = new(-1, "", "");
        await Eventually.HoldsAsync(async () =>
            {
                last = await TryAsync(arguments);
                return last.ExitCode == 0 && fits(last.Output);
            },
            () => $"{string.Join(' ', arguments)}: {last.Output}{last.Error}");
        return last.Output;
    }
}
