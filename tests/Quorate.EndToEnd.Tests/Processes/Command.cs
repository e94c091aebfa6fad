using System.Diagnostics;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>What a command that ran to its end left: its exit code, standard output and standard error.</summary>
public sealed record Command(int ExitCode, string Output, string Error)
{
    /// <summary>Runs a program to its end.</summary>
    /// <param name="input">Its standard input.</param>
    public static async Task<Command> RunAsync(string path, IEnumerable<string> arguments, string input = "",
        IReadOnlyDictionary<string, string>? environment = null, int seconds = 60)
    {
        var start = new ProcessStartInfo(path, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        ProcessEnvironment.Clean(start, environment);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program ended without reading what it was given.
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"{path} {string.Join(' ', arguments)} did not end within {seconds} s. It said:\n{await output}{await error}");
        }

        return new Command(process.ExitCode, await output, await error);
    }

    /// <summary>Runs a program that must succeed, and gives its standard output.</summary>
    public static async Task<string> OutputAsync(string path, IEnumerable<string> arguments, string input = "",
        IReadOnlyDictionary<string, string>? environment = null)
    {
        string[] words = [.. arguments];
        Command command = await RunAsync(path, words, input, environment);
        Assert.True(command.ExitCode == 0,
            $"{path} {string.Join(' ', words)} ended with {command.ExitCode}:\n{command.Output}{command.Error}");
        return command.Output;
    }
}
