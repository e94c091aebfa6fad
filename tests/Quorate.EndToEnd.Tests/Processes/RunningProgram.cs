using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>A program that a test started: its output is kept, and it is killed at the latest when the test ends.</summary>
public sealed partial class RunningProgram : IAsyncDisposable
{
    /// <summary>The exit code of a program that SIGTERM ended: 128 and the signal's number.</summary>
    public const int EndedByTerminate = 143;

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private RunningProgram(Process process) => _process = process;

    /// <summary>All that the program wrote so far to its standard output and error.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public int Id => _process.Id;

    /// <param name="networkNamespace">Name of the network namespace to run in, or null for the machine's own.</param>
    public static RunningProgram Start(string path, IEnumerable<string> arguments, string? networkNamespace = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(path) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (networkNamespace is not null)
        {
            // "ip netns exec" becomes the program itself, so that the process id is the program's.
            start.FileName = "ip";
            foreach (string word in (string[])["netns", "exec", networkNamespace, path])
            {
                start.ArgumentList.Add(word);
            }
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        ProcessEnvironment.Clean(start, environment);
        var program = new RunningProgram(new Process { StartInfo = start });
        program._process.OutputDataReceived += program.Keep;
        program._process.ErrorDataReceived += program.Keep;
        program._process.Start();
        program._process.BeginOutputReadLine();
        program._process.BeginErrorReadLine();
        return program;
    }

    /// <summary>SIGKILL, and waits until the process is gone.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
    }

    public void Signal(int signal)
    {
        if (kill(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"kill({_process.Id}, {signal}) failed");
        }
    }

    /// <summary>SIGTERM, and the exit code.</summary>
    public async Task<int> StopAsync()
    {
        const int Terminate = 15;
        Signal(Terminate);
        return await ExitAsync();
    }

    /// <summary>Waits for the end that the program comes to by itself.</summary>
    public async Task<int> ExitAsync(int seconds = 60)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{_process.StartInfo.FileName} did not end within {seconds} s. It said:\n{Output}");
        }

        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is not null)
        {
            lock (_output)
            {
                _output.Append(line.Data).Append('\n');
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);
}
